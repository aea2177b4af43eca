# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads of the servers' coverage: what nobody asked for, what is asked for and gone, what was not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.dse.backup.plugins.module_utils._core.coverage import Finding
from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable
from ansible_collections.dse.backup.plugins.plugin_utils.coverage import Gone, Uncovered
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import table

_HEADING = ["Servidor", "Situación", "Qué", "Tipo", "Responsable", "Tamaño", "Observaciones"]
_KINDS = {"web": "sitio web", "code": "código", "configuration": "configuración", "database": "base de datos"}
_ENGINES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}
# Of what has many, in one cell.
_SHOWN = 3


def report(
    uncovered: Sequence[Uncovered],
    gone: Sequence[Gone],
    *,
    servers: Sequence[str],
    problems: Mapping[str, Sequence[str]],
    remarks: Mapping[str, Sequence[str]],
) -> str:
    """Return the one table of all ``servers``; ``problems`` and ``remarks`` are those of each, by its name."""
    shown = [each for each in uncovered if not each.within]
    # Server by server; what nobody asked for comes first.
    rows = [(each.server, bool(each.parts), _row(each, _inside(each, uncovered))) for each in shown]
    rows += [(each.server, True, _gone_row(each)) for each in gone]
    lines = ["", "COBERTURA DE LOS RESPALDOS (4.1.1)"]
    if rows:
        lines += table([_HEADING, *(row for _server, _is_known, row in sorted(rows))])
    if problems:
        lines += ["", "NO SE PUDO REVISAR"]
        lines += [f"  ✗ {server}: {problem}" for server, each in problems.items() for problem in each]
    if remarks:
        lines.append("")
        lines += [f"  ! {server}: {remark}" for server, each in remarks.items() for remark in each]
    partly = sum(bool(each.parts) for each in shown)
    counts = {"SIN SOLICITUD": len(shown) - partly, "SÓLO EN PARTE": partly, "YA NO EXISTE": len(gone)}
    said = "; ".join(f"{what}: {count}" for what, count in counts.items() if count)
    # What was not seen may be what nobody asked for.
    said = said or ("NO SE SABE SI TODO ESTÁ SOLICITADO" if problems else "TODO ESTÁ SOLICITADO")
    lines += ["", f"{said}. Servidores revisados por completo: {len(servers) - len(problems)} de {len(servers)}."]
    if shown:
        lines.append("Lo que deba respaldarse se solicita con FOR 7.5 DSE 05 (request.yml); lo demás no se respalda.")
    return "\n".join([*lines, ""])


def _inside(outer: Uncovered, uncovered: Sequence[Uncovered]) -> list[Finding]:
    """Return what lies in an unrequested directory and is not shown by itself."""
    place = (outer.server, outer.place)
    return [each.finding for each in uncovered if each.within and (each.server, each.within) == place]


def _row(each: Uncovered, inside: Sequence[Finding]) -> list[str]:
    all_of_it = [each.finding, *inside]
    kinds = dict.fromkeys(kind for finding in all_of_it for kind in finding.kinds)
    return [
        each.server,
        "EN PARTE" if each.parts else "SIN SOLICITUD",
        _what(each.finding),
        ", ".join(_KINDS[kind] for kind in kinds),
        _owner(all_of_it),
        _size(each.finding),
        "; ".join(_observations(each)),
    ]


def _gone_row(gone: Gone) -> list[str]:
    asked = gone.name if gone.name == gone.folio else f"{gone.name} ({gone.folio})"
    return [gone.server, "YA NO EXISTE", readable(gone.what, 200), "", "", "", f"lo pide {asked}"]


def _what(finding: Finding) -> str:
    if not finding.path:
        return f"{_ENGINES[finding.engine]} {readable(finding.name, 100)}"
    return readable(finding.path, 200) + (" (archivos sueltos)" if finding.files_only else "")


def _owner(findings: Sequence[Finding]) -> str:
    """Return by what somebody can find out whose it is: sites and origins first, the account last."""
    sites = dict.fromkeys(site for each in findings for site in each.sites)
    remotes = dict.fromkeys(each.remote for each in findings if each.remote)
    return " · ".join([*_few([*sites]), *_few([*remotes]), *filter(None, [readable(findings[0].owner, 100)])])


def _size(finding: Finding) -> str:
    if finding.size_bytes is None:
        return ""
    return ("más de " if finding.size_is_partial else "") + human_size(finding.size_bytes)


def _observations(each: Uncovered) -> list[str]:
    said = []
    if each.parts:
        parts = _few([f"{readable(part.path, 200)} ({part.by})" for part in each.parts])
        said.append(f"sí se respalda {', '.join(parts)}")
    said += [f"{claim.name}: {readable(claim.why_not, 200)}" for claim in each.unheard[:_SHOWN]]
    if each.excluded_by:
        said.append(f"lo deja fuera {', '.join(_few(each.excluded_by))}")
    return said


def _few(texts: Sequence[str]) -> list[str]:
    more = [f"y {len(texts) - _SHOWN} más"] if len(texts) > _SHOWN else []
    return [readable(each, 300) for each in texts[:_SHOWN]] + more
