# The pod network agent: the small userland and one script.
ARG SMALL
FROM ${SMALL}
COPY pod-network /usr/local/bin/pod-network
