# syntax=docker/dockerfile:1
# The base is pinned by tag. Where builds must be repeatable to the byte, add the digest that your own registry reports.

FROM python:3.11.15-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/feederline
COPY requirements.lock ./
# urllib3-future: see the Makefile
RUN URLLIB3_NO_OVERRIDE=1 /opt/feederline/bin/python -m pip install --require-hashes \
    --only-binary :all: --no-binary urllib3-future --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY alerts alerts
COPY bench bench
COPY dashboards dashboards
COPY drivers drivers
COPY gateway gateway
COPY processors processors
COPY simulator simulator
RUN /opt/feederline/bin/python -m pip install --no-deps --no-build-isolation . \
    && /opt/feederline/bin/python -m pip uninstall --yes setuptools pip

FROM python:3.11.15-slim-bookworm
RUN python -m pip uninstall --yes --root-user-action ignore setuptools wheel pip \
    && groupadd --gid 10001 feederline \
    && useradd --uid 10001 --gid feederline --no-create-home --home-dir /var/lib/feederline feederline \
    && install --directory --owner feederline --group feederline --mode 0700 /var/lib/feederline
COPY --from=build /opt/feederline /opt/feederline
ENV PATH=/opt/feederline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER feederline
WORKDIR /var/lib/feederline
VOLUME /var/lib/feederline
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/ready', timeout=4)"]
ENTRYPOINT ["feederline"]
CMD ["run", "-c", "/etc/feederline/feederline.yaml"]
