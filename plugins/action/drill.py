# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries the backups of one server: files on the backup server, databases in a scratch server on their own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible_collections.dse.backup.plugins.plugin_utils import outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import follow, text, texts
from ansible_collections.dse.backup.plugins.plugin_utils.repository_job import RepositoryJob

_DATABASE_OPTIONS = ("script", "state_dir", "config_file", "time_limit", "wait")


class ActionModule(RepositoryJob):
    """See plugins/modules/drill.py; as a task it takes the plan. Delegated it tries the files, else the databases."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.open_plan(
            scratch_dir={"type": "path", "required": True},
            script={"type": "path", "required": True},
            state_dir={"type": "path", "required": True},
            config_file={"type": "path", "required": True},
            time_limit={"type": "int", "required": True},
            wait={"type": "int", "default": 10},
        )
        of_databases = not self._task.delegate_to
        records = []
        for drill in self.plan["drills"]:
            if bool(drill["request"]) == of_databases:
                records += self._try(drill, options, task_vars)
        return {"changed": False, "backup_records": records}

    def _try(self, drill: dict[str, Any], options: dict[str, Any], task_vars: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the record of one drill, with its failure where it failed. One that fails does not stop the next."""
        started = datetime.now(self.procedure.zone)
        try:
            if drill["request"]:
                found = self._database(drill, options, task_vars)
            else:
                found = self._files(drill, options, task_vars)
        except (AnsibleActionFail, AnsibleConnectionFailure) as error:
            found = {"error_message": text(error.message) or "sin mensaje"}
        backup = drill["backup"]
        record = {
            "record_type": "drill",
            **outcomes.common(self.run_context, self.procedure),
            "execution_mode": self.run_context.execution_mode,
            **{key: drill["planned"][key] for key in ("item_id", "server", "service", "information_type")},
            "backup_folio": backup["folio"],
            "file_name": backup["file_name"],
            "result": "failed" if found.get("error_message") else "passed",
            "started_at": started.isoformat(timespec="seconds"),
            "finished_at": datetime.now(self.procedure.zone).isoformat(timespec="seconds"),
            **found,
        }
        if record["result"] == "passed":
            return [record]
        failure = outcomes.failure(
            {**drill["planned"], "id": drill["item_id"]},
            self.server,
            f"falló el simulacro de recuperación con {backup['folio']}: {found['error_message']}",
            context=self.run_context,
            procedure=self.procedure,
            scheduled_for=started,
            stage="restore",
            kind="checksum" if found.get("sha256_matches") is False else "error",
            backup_folio=backup["folio"],
        )
        # About the backup, as any later fact: the outcome of the drill is its own record.
        return [record, {**failure, "about_folio": backup["folio"]}]

    def _files(self, drill: dict[str, Any], options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        answer = self.ask("drill", task_vars, snapshot=drill["snapshot"], scratch_dir=options["scratch_dir"])
        problems = texts(answer["problems"])
        return {
            "restored_bytes": int(answer["restored_bytes"]),
            "entry_count": int(answer["entry_count"]),
            "sha256_matches": answer["matches"] is True,
            "content_sha256": text(answer["content_sha256"]) or None,
            "remarks": "; ".join(texts(answer["remarks"])) or None,
            "error_message": None if answer["matches"] is True else "; ".join(problems) or "el contenido no coincide",
        }

    def _database(self, drill: dict[str, Any], options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        arguments = {key: options[key] for key in _DATABASE_OPTIONS}
        # Each in a run of its own: asking again with the same id attaches to the one before.
        arguments.update(run_id=f"{self.run_context.run_id}.{drill['item_id']}", restore=drill["request"])
        answer = follow(self, "dse.backup.restore", arguments, task_vars, self.server)
        result = answer.get("result")
        result = result if isinstance(result, dict) else {}
        restored = result.get("restore")
        if not isinstance(restored, dict):
            raise AnsibleActionFail(text(result.get("error")) or "el servidor no dijo cómo terminó")
        database = restored.get("database")
        database = database if isinstance(database, dict) else {}
        matches, schema = restored.get("sha256_matches"), database.get("schema_matches")
        return {
            "restored_bytes": _number(restored.get("restored_bytes")),
            "entry_count": _number(restored.get("entry_count")),
            "sha256_matches": matches if isinstance(matches, bool) else None,
            "rows_match": database.get("rows_match") is True,
            "schema_matches": schema if isinstance(schema, bool) else None,
            "database_engine": text(database.get("engine")) or None,
            "remarks": "; ".join(texts(restored.get("remarks"))) or None,
            "error_message": _wrong(restored, database),
        }


def _wrong(restored: dict[str, Any], database: dict[str, Any]) -> str | None:
    """Return why a database did not pass: it passes only when all that was asked for is said to be so."""
    if restored.get("state") != "restored":
        return text(restored.get("message")) or "el servidor no dijo por qué"
    if restored.get("sha256_matches") is not True:
        return "la huella del volcado no coincide con la registrada"
    if database.get("rows_match") is not True:
        return "los registros de las tablas no coinciden con los del volcado"
    if database.get("schema_matches") is False:
        return "el esquema no coincide con el del volcado"
    return None


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
