"""The specifications in Python: pure functions, one module per RFC.

Each module says what we ask (``*_form``), what we accept (``parse_*``) and what we believe (``verify_*``).
"""
