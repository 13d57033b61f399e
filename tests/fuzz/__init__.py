"""Random input for the readers: any bytes give a result, or one of our own errors, soon and in little memory."""
