"""`keras.export`'s name: several functions of a model in one folder, each a file that JAX alone can run."""

from hefted.utils.passages import refused

ExportArchive = refused(
    'export.ExportArchive', 'Write each function with model.export(path), which saving.load_exported reads.'
)
