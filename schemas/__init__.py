"""What the data is: one module a concept, its columns, its words and its checks."""
