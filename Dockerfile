# docker build --tag nernstfit .   in the clone, with the versions of requirements.lock; how to run it: docs/install.md
FROM python:3.11-slim
# One thread a job, as in the Makefile; a folder for caches that any user can write.
ENV OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 HOME=/tmp
WORKDIR /opt/nernstfit
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml hatch_build.py README.md LICENSE Snakefile ./
COPY nernstfit nernstfit
COPY workflow workflow
COPY profiles profiles
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
WORKDIR /experiment
ENTRYPOINT ["nernstfit"]
CMD ["--help"]
