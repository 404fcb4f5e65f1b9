"""What happens to the service, and what its callers get then."""
