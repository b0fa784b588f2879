#!/bin/sh
# Starts Redis with the arguments given, as the upstream image does: options alone, or a whole command.
set -eu
case "${1:-}" in
  -* | *.conf | '') set -- redis-server "$@" ;;
esac
exec "$@"
