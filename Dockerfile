FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY respq ./respq
RUN python -m venv /opt/respq && /opt/respq/bin/pip install --no-cache-dir .

FROM python:3.13-slim
COPY --from=build /opt/respq /opt/respq
ENV PATH=/opt/respq/bin:$PATH
RUN useradd --system --uid 999 --no-create-home respq && install -d -o respq -g respq -m 0700 /data
USER respq
VOLUME /data
EXPOSE 6379

# Another port: `docker run -e RESPQ_PORT=7000`, rather than --port, so that the health check knows it as well.
#
# All interfaces: without a password protected mode refuses whoever does not come from this
# container. Words after the image's name are more directives: `docker run respq --appendfsync always`.
ENTRYPOINT ["sh", "-c", "exec respq serve --port \"${RESPQ_PORT:-6379}\" --bind '*' '-::*' --dir /data ${RESPQ_PASSWORD:+--requirepass \"$RESPQ_PASSWORD\"} \"$@\"", "respq"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=2m CMD ["respq", "ping"]
