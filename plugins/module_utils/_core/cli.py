# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``dse-backup``, the script on each server: what the playbooks call, and what JAA calls when Ansible is away."""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid
from datetime import datetime, timezone
from typing import Any

from .items import item_faults, source
from .journal import BY_HAND, Journal
from .json_file import write_json
from .run import perform
from .text import human_size, readable

# Exit codes: all stored; some item failed; the call or the configuration is wrong; another run holds the server.
OK, FAILED, USAGE, BUSY = 0, 1, 2, 75


def main(config_path: str, arguments: list[str] | None = None) -> int:
    """Run the command line; ``config_path`` is the server's ``config.json``, which the launcher knows."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        with open(config_path, encoding="utf-8") as stream:
            config = json.load(stream)
    except (OSError, ValueError) as error:
        print(
            f"dse-backup: no se puede leer {config_path}: {error}; ¿es usted root? ¿se ejecutó deploy.yml?",
            file=sys.stderr,
        )
        return USAGE
    elements = config["items"]
    config["items"] = [item for item in elements if not item_faults(item)]
    for position, element in enumerate(elements, start=1):
        for fault in item_faults(element):
            print(f"dse-backup: elemento {position}, {fault.key}: {fault.message}; se omite", file=sys.stderr)
    status = {"run": _run, "list": _list, "status": _status}[options.command](config, options)
    return status or (FAILED if len(config["items"]) < len(elements) else OK)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dse-backup", description="Respalda en este servidor lo que fue solicitado.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="ORDEN")
    run = commands.add_parser("run", help="respalda ahora (queda registrado como manual)")
    run.add_argument("items", nargs="*", metavar="CLAVE", help="sólo estos elementos; sin ninguno, todos")
    run.add_argument("--run-dir", help=argparse.SUPPRESS)  # How the playbooks hand over their request.
    listing = commands.add_parser("list", help="muestra los elementos de este servidor")
    status = commands.add_parser("status", help="muestra cómo terminó lo último de cada elemento")
    for command in (run, listing, status):
        command.add_argument("--json", action="store_true", help="salida en JSON")
    return parser


def _run(config: dict[str, Any], options: argparse.Namespace) -> int:
    if options.run_dir:
        perform(options.run_dir, config)
        return OK
    known = {item["id"]: item for item in config["items"]}
    unknown = [item_id for item_id in options.items if item_id not in known]
    if unknown or not known:
        which = ", ".join(map(readable, unknown))
        print(f"dse-backup: este servidor no tiene {which or 'elementos'}; hay: {', '.join(known)}", file=sys.stderr)
        return USAGE
    run_id = f"{BY_HAND}{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
    run_dir = os.path.join(config["state_dir"], "runs", run_id)
    items = [known[item_id] for item_id in dict.fromkeys(options.items or known)]
    request = {"run_id": run_id, "mode": "manual", "time_limit": 0, "items": items}
    try:
        os.makedirs(run_dir, mode=0o700)
        write_json(os.path.join(run_dir, "request.json"), request)
        result = perform(run_dir, config)
    except OSError as error:
        print(f"dse-backup: no se puede escribir en {config['state_dir']}: {error.strerror}", file=sys.stderr)
        return FAILED
    if options.json:
        print(json.dumps(result))
    else:
        _print_result(result)
    if "busy" in result:
        return BUSY
    return OK if "outcomes" in result and all(each["state"] == "stored" for each in result["outcomes"]) else FAILED


def _print_result(result: dict[str, Any]) -> None:
    if "busy" in result:
        holder = result["busy"]
        print(f"Otro respaldo está en curso: {holder.get('run_id')}, desde {holder.get('since')}.")
        return
    if "error" in result:
        print(f"No se pudo respaldar: {result['error']}")
        return
    for outcome in result["outcomes"]:
        if outcome["state"] == "stored":
            partial = f"; {len(outcome['unreadable'])} archivos NO se pudieron leer" if outcome["unreadable"] else ""
            size = human_size(outcome["size_bytes"])
            print(f"{outcome['item_id']}: guardado, {size}, respaldo {outcome['snapshot_id'][:8]}{partial}")
        else:
            print(f"{outcome['item_id']}: FALLÓ: {outcome['message']}")
    print("La siguiente corrida de backup.yml que atienda a este servidor lo verifica y lo asienta en el registro.")


def _list(config: dict[str, Any], options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps(config["items"]))
        return OK
    for item in config["items"]:
        print(f"{item['id']}: {item['information_type']}, {readable(source(item))} ({item['request_folio']})")
    return OK


def _status(config: dict[str, Any], options: argparse.Namespace) -> int:
    latest = {entry.get("item_id"): entry for entry in Journal(config["state_dir"]).entries()}
    answer = {item["id"]: latest.get(item["id"]) for item in config["items"]}
    if options.json:
        print(json.dumps(answer))
        return OK
    for item_id, entry in answer.items():
        if entry is None:
            print(f"{item_id}: sin respaldos desde este servidor")
        elif entry["state"] == "stored":
            print(
                f"{item_id}: guardado el {entry['finished_at']} ({entry['mode']}), respaldo {entry['snapshot_id'][:8]}"
            )
        else:
            print(f"{item_id}: FALLÓ el {entry['finished_at']} ({entry['mode']}): {entry['message']}")
    return OK
