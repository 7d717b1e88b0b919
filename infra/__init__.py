"""The CDK app: what is deployed, and the only description of how it is wired."""
