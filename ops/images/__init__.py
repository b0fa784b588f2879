"""Builds the container images that the chart runs, and tells the chart their names.

Three images are ours, from real Dockerfiles and the lock files; PostgreSQL and Redis are upstream's where Docker can pull
them, and made from Debian's packages where it cannot. An image is tagged with the hash of everything it is made from:
what is there under its name is up to date, so a second run builds nothing, and a pod never runs a stale image.
"""
