"""Packers: the files of a service, made of the values that a run left; one packer a kind of service."""
