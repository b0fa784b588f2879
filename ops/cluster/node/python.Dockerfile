# The self-built stand-in for the stock slim Python image: what a Dockerfile may rely on is the same.
ARG DEBIAN
FROM ${DEBIAN}
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      python3 python3-venv ca-certificates tzdata netbase >/dev/null \
 && ln -s /usr/bin/python3 /usr/local/bin/python \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* \
      /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info
CMD ["python3"]
