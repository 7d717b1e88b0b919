"""The only modules that know a driver: S3, DynamoDB, Postgres, Step Functions, session tokens."""
