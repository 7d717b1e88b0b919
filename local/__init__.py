"""The whole system on one machine: moto, Postgres, a Lambda host and an HTTP gateway, from the CDK app's template."""
