# The reference server, one static binary and nothing else. It is configured by environment variables: see .env.example.
#
#   docker build -t jwt-toy .
#   docker run --rm -p 127.0.0.1:8080:8080 -e JWT_SECRET_KEY="$(openssl rand -hex 32)" -e DATABASE_URL=mysql://… jwt-toy
#
# docker-compose.yml starts it together with MySQL.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/jwt-toy ./server && mkdir /out/data

FROM scratch
COPY --from=build /out/jwt-toy /jwt-toy
# Where the embedded database is kept when DATABASE_URL is unset: mount a volume here, or lose it with the container.
COPY --from=build --chown=65532:65532 /out/data /data
WORKDIR /data
USER 65532:65532
# An image is deployed: without ENV=dev it demands a JWT_SECRET_KEY and marks its cookies Secure.
ENV ENV=production ADDR=:8080
EXPOSE 8080
ENTRYPOINT ["/jwt-toy"]
CMD ["serve"]
