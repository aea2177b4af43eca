# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An item of the inventory: what one service asked to have backed up, on one server."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

ENGINES = ("postgresql", "mariadb", "mysql", "sqlite")

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
# Nine digits at the most: the folios that the ledger gives go on from the highest one that it meets.
_FOLIO = re.compile(r"DSE-05-[0-9]{4}-[0-9]{4,9}")
# Folios are consecutive: one that is further than this from those before it is a slip of the pen.
FOLIO_LEAP = 10_000

# key -> is it required
_KEYS = {
    "id": True,
    "service": True,
    "repository_type": True,
    "information_type": True,
    "request_folio": True,
    "paths": False,
    "database": False,
    "exclude": False,
    "mountpoint": False,
    "follow_symlinks": False,
    "one_file_system": False,
    "tolerance": False,
    "retention": False,
}
_DATABASE_KEYS = ("engine", "name", "path", "port", "defaults_file")
_TOLERANCE_KEYS = ("shrink_pct", "grow_pct", "accumulated_shrink_pct", "entries_shrink_pct", "replaced_pct")
_RETENTION_KEYS = ("daily", "weekly", "cycles", "monthly")


class Fault(NamedTuple):
    """One mistake in an item: the key (``database.engine``) and, in words, what is wrong and what to do."""

    key: str
    message: str


def is_database(item: dict[str, Any]) -> bool:
    """Tell whether the item is dumped rather than read from the file system."""
    return "database" in item


def dump_file_name(item: dict[str, Any]) -> str:
    """Return the name of the file in the snapshot that holds the database itself (not its globals)."""
    return item["id"] + {"postgresql": ".dump", "sqlite": ".sqlite"}.get(item["database"]["engine"], ".sql")


def source(item: dict[str, Any]) -> str:
    """Return what is backed up, as the forms name it: paths, or the database's name."""
    if is_database(item):
        return item["database"].get("name") or item["database"]["path"]
    return ", ".join(item["paths"])


def is_request_folio(value: Any) -> bool:
    """Tell whether ``value`` is the folio of a request: ``DSE-05-2026-0001``."""
    return _matches(_FOLIO, value)


def item_faults(
    item: Any, *, information_types: Collection[str] = (), repository_types: Collection[str] = ()
) -> list[Fault]:
    """Return every mistake in ``item``, an element of ``backup_client_items`` as the inventory has it.

    ``information_types`` and ``repository_types`` are the procedure's closed lists; on a server, which does not have
    them, they stay empty and are not asked. An item without mistakes gives an empty list; nothing else of the
    collection needs to doubt its shape afterwards.
    """
    if not isinstance(item, dict):
        return [Fault("", "cada elemento debe ser un diccionario con sus claves (id, service, paths…)")]
    return [
        *_key_faults(item),
        *_identity_faults(item),
        *_choice_faults(item, "information_type", information_types),
        *_choice_faults(item, "repository_type", repository_types),
        *_source_faults(item),
        *_option_faults(item),
        *(_retention_faults(item["retention"]) if "retention" in item else ()),
    ]


def _key_faults(item: dict[str, Any]) -> Iterator[Fault]:
    for key in item:
        if key not in _KEYS:
            yield Fault(str(key), "clave desconocida" + _suggestion(str(key), _KEYS))
    for key, required in _KEYS.items():
        if required and item.get(key) in (None, ""):
            yield Fault(key, "falta, y es obligatoria")


def _identity_faults(item: dict[str, Any]) -> Iterator[Fault]:
    if item.get("id") not in (None, "") and not _matches(_ID, item["id"]):
        yield Fault(
            "id", f"«{item['id']}» no sirve de clave: minúsculas, dígitos, punto, guion o guion bajo; 63 a lo más"
        )
    if item.get("request_folio") not in (None, "") and not is_request_folio(item["request_folio"]):
        yield Fault("request_folio", f"«{item['request_folio']}» no es un folio de solicitud (DSE-05-2026-0001)")
    if item.get("service") not in (None, "") and not isinstance(item["service"], str):
        yield Fault("service", "debe ser el nombre del servicio electrónico, en texto")


def _choice_faults(item: dict[str, Any], key: str, choices: Collection[str]) -> Iterator[Fault]:
    value = item.get(key)
    if choices and value not in (None, "") and (not isinstance(value, str) or value not in choices):
        yield Fault(key, f"«{value}» no está en la lista: {', '.join(choices)}" + _suggestion(str(value), choices))


def _source_faults(item: dict[str, Any]) -> Iterator[Fault]:
    if ("paths" in item) == ("database" in item):
        yield Fault("paths", "debe indicarse «paths» (archivos) o «database» (base de datos), y sólo una de las dos")
        return
    if "paths" in item:
        yield from _paths_faults("paths", item["paths"])
    else:
        yield from _database_faults(item["database"])
    for key in ("information_type", "repository_type"):
        if item.get(key) and (item[key] == "database") != ("database" in item):
            what = "una base de datos" if "database" in item else "archivos"
            yield Fault(key, f"este elemento respalda {what}: «{item[key]}» no le corresponde")


def _paths_faults(key: str, paths: Any) -> Iterator[Fault]:
    if not isinstance(paths, list) or not paths:
        yield Fault(key, "debe ser una lista con al menos una ruta")
        return
    for path in paths:
        yield from _path_faults(key, path)


def _path_faults(key: str, path: Any) -> Iterator[Fault]:
    if not isinstance(path, str) or not path.startswith("/"):
        yield Fault(key, f"«{path}» no es una ruta absoluta (debe comenzar con /)")
    elif "*" in path:
        yield Fault(key, f"«{path}» no puede llevar comodines: nombre el directorio y use exclude")
    elif "\0" in path or path.startswith("//") or posixpath.normpath(path) != path:
        yield Fault(key, f"«{path}» debe escribirse sin «..», sin «//» y sin diagonal final")


def _database_faults(database: Any) -> Iterator[Fault]:
    if not isinstance(database, dict):
        yield Fault("database", "debe ser un diccionario: {engine: postgresql, name: escolares}")
        return
    for key in database:
        if key not in _DATABASE_KEYS:
            yield Fault(f"database.{key}", "clave desconocida" + _suggestion(str(key), _DATABASE_KEYS))
    engine = database.get("engine")
    if engine not in ENGINES:
        yield Fault("database.engine", f"«{engine}» no es un manejador conocido: {', '.join(ENGINES)}")
        return
    wanted, other = ("path", "name") if engine == "sqlite" else ("name", "path")
    if other in database:
        yield Fault(f"database.{other}", f"no corresponde a {engine}: use «{wanted}»")
    if wanted == "path":
        yield from _path_faults("database.path", database.get("path"))
    elif not isinstance(database.get("name"), str) or not database["name"] or "\0" in database["name"]:
        yield Fault("database.name", "falta el nombre de la base de datos")
    port = database.get("port", 1)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        yield Fault("database.port", f"«{port}» no es un puerto")
    if "defaults_file" in database:
        yield from _path_faults("database.defaults_file", database["defaults_file"])


def _option_faults(item: dict[str, Any]) -> Iterator[Fault]:
    exclude = item.get("exclude", [])
    if not isinstance(exclude, list) or not all(isinstance(pattern, str) and pattern for pattern in exclude):
        yield Fault("exclude", "debe ser una lista de patrones de texto")
    if "mountpoint" in item:
        yield from _path_faults("mountpoint", item["mountpoint"])
    for key in ("follow_symlinks", "one_file_system"):
        if not isinstance(item.get(key, False), bool):
            yield Fault(key, "debe ser true o false")
    tolerance = item.get("tolerance", {})
    if not isinstance(tolerance, dict):
        yield Fault("tolerance", "debe ser un diccionario: {shrink_pct: 10, grow_pct: 50}")
        return
    for key, value in tolerance.items():
        if key not in _TOLERANCE_KEYS:
            yield Fault(f"tolerance.{key}", "clave desconocida" + _suggestion(str(key), _TOLERANCE_KEYS))
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            yield Fault(f"tolerance.{key}", f"«{value}» no es un porcentaje (número de 0 en adelante)")


def _retention_faults(retention: Any) -> Iterator[Fault]:
    if not isinstance(retention, dict) or not retention:
        yield Fault("retention", "debe ser un diccionario: {daily: 14, monthly: 12}")
        return
    for key, value in retention.items():
        if key not in _RETENTION_KEYS:
            yield Fault(f"retention.{key}", "clave desconocida" + _suggestion(str(key), _RETENTION_KEYS))
        elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
            yield Fault(f"retention.{key}", f"«{value}» no es un número de respaldos (entero de 1 en adelante)")


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _suggestion(word: str, choices: Collection[str]) -> str:
    close = difflib.get_close_matches(word, list(choices), n=1)
    return f"; ¿quiso decir «{close[0]}»?" if close else ""
