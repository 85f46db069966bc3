# As `mlflow models build-docker` orders it: the model goes in first, then what it requires is installed, as root.
FROM {base}
COPY pip /pip
COPY wheels /wheels
COPY service /opt/ml/model
RUN python3 {pip} install --no-index --find-links /wheels --break-system-packages -r /opt/ml/model/requirements.txt
RUN rm -rf /wheels /pip
EXPOSE 8080
ENTRYPOINT ["python3", "/opt/ml/model/app.py", "8080"]
