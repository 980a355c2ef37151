"""Both dreams in the browser: the networks as ONNX files, and a page that runs them."""
