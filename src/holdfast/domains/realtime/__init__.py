"""What is told as it happens, to whoever looks: after the commit, to every process that serves."""
