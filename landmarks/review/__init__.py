"""The local page: films are seen, predicted, corrected, measured, signed and printed in a browser, without torch.

store.py keeps every change, server.py answers the browser, worker.py decodes and predicts in a process of its own.
"""
