"""`python -m benchmarks` is `python -m benchmarks.compare`."""

from benchmarks.compare import main

raise SystemExit(main())
