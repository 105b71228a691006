# Predicts, analyses, converts and serves the page, without torch:
#   docker build -t landmarks .
#   docker run --rm -v "$PWD/films:/films" -v "$PWD/found:/found" landmarks predict --output /found/a /films
FROM python:3.12-slim
COPY requirements/serve.txt /src/requirements/serve.txt
RUN pip install --no-cache-dir -r /src/requirements/serve.txt
COPY pyproject.toml setup.cfg README.md LICENSE /src/
COPY landmarks /src/landmarks
RUN pip install --no-cache-dir --no-deps /src
ENTRYPOINT ["landmarks"]
CMD ["--help"]
