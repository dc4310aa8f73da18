"""OpenAPI: the description of a service that machines read, a file for each kind of service."""
