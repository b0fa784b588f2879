"""The WebSocket: binary packets, order frames, connections."""
