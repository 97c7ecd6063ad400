"""Index prices as commands and as a service."""
