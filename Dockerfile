# The viewer and receiver in a box: `stagelight serve` on port 4318, as a user without rights.
#
#   docker build -t stagelight .
#   docker run -v stagelight:/data stagelight stagelight token create first
#   docker run -v stagelight:/data -p 4318:4318 stagelight
#
# It listens beyond loopback, so it refuses to start until a token exists: that is the second line.
FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY examples examples
ARG EXTRAS=serve
RUN python -m venv /opt/stagelight && /opt/stagelight/bin/pip install --no-cache-dir ".[$EXTRAS]"

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home stagelight && install -d -o stagelight -g stagelight /data
COPY --from=build /opt/stagelight /opt/stagelight
ENV PATH=/opt/stagelight/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STAGELIGHT_HOST=0.0.0.0 \
    STAGELIGHT_STORE=/data/stagelight.db
USER stagelight
VOLUME /data
EXPOSE 4318
CMD ["stagelight", "serve"]
