# An image whose manifest gives arguments only (CoreDNS) or nothing at all (pause), so it names its program.
FROM scratch
ARG BINARY
COPY ${BINARY} /program
ENTRYPOINT ["/program"]
