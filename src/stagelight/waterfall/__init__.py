"""Spans to pictures: a tree, and that tree as text for a terminal and as SVG for a page or a notebook.

```python
from stagelight.waterfall import svg, text, tree

print(text.render(tree.build(spans)))
```
"""
