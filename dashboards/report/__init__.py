"""The report: results as one self-contained HTML page, with a caption in numbers per chart."""
