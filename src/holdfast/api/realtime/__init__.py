"""`/socket.io`: what happens, as it happens, to whoever may see it."""
