"""The AWS services of the local run: moto in server mode, with its gaps closed one file each."""
