# As `bentoml containerize` orders it: a user, what is required, then the service, handed to that user afterwards.
FROM {base}
RUN groupadd -g 1034 bentoml && useradd -m -u 1034 -g 1034 bentoml
COPY pip /pip
COPY wheels /wheels
COPY service/requirements.txt /home/bentoml/bento/requirements.txt
RUN python3 {pip} install --no-index --find-links /wheels --break-system-packages -r /home/bentoml/bento/requirements.txt
COPY service /home/bentoml/bento
RUN chown -R bentoml:bentoml /home/bentoml
USER bentoml
EXPOSE 8080
ENTRYPOINT ["python3", "/home/bentoml/bento/app.py", "8080"]
