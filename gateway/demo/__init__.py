"""The whole product on one machine: embedded database and broker, a simulated district, the gateway, a service desk."""
