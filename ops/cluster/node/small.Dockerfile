# A small userland (shell, ip, nft and their libraries) for kube-proxy and the pod network agent.
ARG NODE_BASE
FROM ${NODE_BASE} AS collect
COPY collect.sh /tmp/collect.sh
RUN bash /tmp/collect.sh /small

FROM scratch
COPY --from=collect /small/ /
ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
