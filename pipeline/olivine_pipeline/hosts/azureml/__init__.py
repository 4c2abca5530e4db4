"""Runs on Azure Machine Learning: one command job that runs the same config on a compute, watched from here.

    request      what the config asks of Azure ML, without contacting it
    snapshot     the folder that is uploaded
    packages     the Python environment that is pinned where the config names none
    clouds       the addresses of Azure's clouds
    credentials  who signs in
    access       whether its packages are there, and the way in
    uploads      how far an upload is
    connection   every call of the service
    refusals     its errors in the person's words
    watch        a job's log turned into the events of a run
    transfer     files from a blob store, checked and resumable
    download     a job's results
    places       where files are that a config names in Azure
    inputs       those files brought here, for passes that run on this machine
    listing      what there is to choose from, for an editor
    job          what runs on the compute
    host         all of it together
    segment      passes that run there while others of the same run do not

Only `connection`, `credentials`, `uploads`, `watch`, `transfer`, `download` and `places` import packages of Azure,
which takes seconds.
"""
