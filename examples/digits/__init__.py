"""A digit-reading service, traced: real images, really trained models, errors with real causes."""
