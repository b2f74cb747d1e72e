# The data pipeline without torch: docker build -t codeio . && docker run --rm -v "$PWD/runs:/codeio/runs" codeio
# The sandbox uses what the container allows, and its first line names the layers that are missing there.
FROM python:3.11-slim
WORKDIR /codeio
COPY requirements.txt ./
COPY requirements/demo.txt requirements/
RUN pip install --no-cache-dir -r requirements.txt -r requirements/demo.txt
COPY . .
ENTRYPOINT ["python", "codeio_dataset.py"]
CMD ["--config", "recipes/data/demo.yaml"]
