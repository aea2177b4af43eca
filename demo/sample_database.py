"""Makes the demo's SQLite database: pupils and their marks, generated, about one megabyte."""

from __future__ import annotations

import random
import sqlite3
import sys

random.seed(1)
with sqlite3.connect(sys.argv[1]) as database:
    database.executescript(
        "CREATE TABLE alumno (id INTEGER PRIMARY KEY, matricula TEXT UNIQUE, ingreso INTEGER);"
        "CREATE TABLE calificacion (alumno INTEGER REFERENCES alumno, materia TEXT, valor REAL);"
    )
    database.executemany(
        "INSERT INTO alumno VALUES (?, ?, ?)",
        [(number, f"A{number:08d}", random.randint(2015, 2026)) for number in range(3000)],
    )
    database.executemany(
        "INSERT INTO calificacion VALUES (?, ?, ?)",
        [
            (random.randrange(3000), f"MAT-{random.randint(100, 180)}", round(random.uniform(5, 10), 1))
            for _row in range(30000)
        ],
    )
