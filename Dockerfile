# Holdfast with every extra that a server may be told to use. Which part of it a container is, its command says;
# compose.yaml and deploy/kubernetes start it in each of its parts.

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
ENV PATH=/opt/holdfast/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/holdfast
COPY requirements/image.txt requirements/
RUN pip install --require-hashes -r requirements/image.txt
COPY pyproject.toml README.md ./
COPY src src
RUN pip install --no-deps --no-build-isolation . && python -m compileall -q /opt/holdfast/lib

FROM python:3.11-slim-bookworm
# /gateway: a volume that is mounted there takes this owner
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/holdfast --create-home holdfast \
    && install --directory --owner holdfast --group holdfast /gateway
COPY --from=build /opt/holdfast /opt/holdfast
# the root file system may be read-only: what is written goes to HOLDFAST_DATA_DIR and /tmp
ENV PATH=/opt/holdfast/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOLDFAST_DATA_DIR=/var/lib/holdfast \
    HOLDFAST_LOG_FORMAT=json
WORKDIR /var/lib/holdfast
USER 10001:10001
EXPOSE 8000
# a worker has no port to ask at: where it is one, this is turned off
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["holdfast"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
