"""Base of every settings section, and secrets that never stand in the configuration itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from gateway.core.errors import InvalidInputError


class Settings(BaseModel):
    """One section of the configuration: unknown keys are refused, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _not_something_else(cls, value: object, info: ValidationInfo) -> object:
        """true is not the number 1, and a path ends where it ends."""
        annotation = str(cls.model_fields[info.field_name or ""].annotation)
        if isinstance(value, bool) and "bool" not in annotation:
            raise ValueError(f"{str(value).lower()} does not belong here")
        if isinstance(value, str) and "\0" in value:
            raise ValueError("holds a NUL character")
        return value


Seconds = Annotated[float, Field(gt=0, le=31 * 86_400)]


class Secret(Settings):
    """Where a secret is to be found: `{env: NAME}` or `{file: PATH}`; exactly one of them."""

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> Secret:
        if (self.env is None) == (self.file is None):
            raise ValueError("write either env: NAME or file: PATH; the secret itself does not belong here")
        return self

    def reveal(self) -> str:
        """The secret's text, without surrounding white space.

        Raises:
            InvalidInputError: the variable is not set, the file cannot be read, or it is empty.
        """
        if self.env is not None:
            text = os.environ.get(self.env, "")
            if not text.strip():
                raise InvalidInputError([f"environment variable {self.env} is not set or is empty"])
            return text.strip()
        assert self.file is not None
        try:
            text = self.file.read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise InvalidInputError([f"secret file {self.file}: {exc.strerror}"]) from exc
        except UnicodeDecodeError as exc:
            raise InvalidInputError([f"secret file {self.file}: byte {exc.start} is not UTF-8"]) from exc
        if not text:
            raise InvalidInputError([f"secret file {self.file} is empty"])
        return text
