# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.web_sites import Apache, Nginx
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def etc(tmp_path):
    """Write files below a directory, and return it."""

    def write(**texts):
        for name, text in texts.items():
            file = tmp_path / name.replace("__", "/").replace("_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def sites(configuration):
    return [(site.names, site.roots) for site in configuration.sites if site.roots]


def test_nginx_names_the_roots_of_each_site(etc):
    directory = etc(
        nginx_conf="""
            user www-data; # once; root /no;
            http { include sites/*; root /srv/default; map $a $b { "~^}" 1; } }
        """,
        sites__portal="""
            server {
                listen 80; server_name portal.example.mx "www.portal.example.mx" _;
                root '/srv/www/por tal';  # the portal's own
                location /a { if ($x = "}") { return 1; } }
                location /media/ { alias /srv/www/media/; }
                location ~ \\.php$ { include snippets.conf; }
            }
            upstream app { server 127.0.0.1:8000; }
            server { server_name otro.example.mx; root /srv/otro; }
        """,
        snippets_conf="root /srv/php; fastcgi_pass unix:/run/php.sock;",
    )
    assert sites(Nginx(str(directory / "nginx.conf"))) == [
        ([], ["/srv/default"]),
        (["portal.example.mx", "www.portal.example.mx"], ["/srv/www/por tal", "/srv/www/media", "/srv/php"]),
        (["otro.example.mx"], ["/srv/otro"]),
    ]


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("/srv/sites/$host/public", "/srv/sites"),
        ("/srv/sites/a$host", "/srv/sites"),
        ("/srv/${name}", "/srv"),
        ("$document_root", "/usr/share/nginx"),
        ("html", "/usr/share/nginx/html"),
        ("/srv//a/../b/", "/srv/b"),
    ],
)
def test_nginx_is_known_up_to_its_first_variable(etc, written, known):
    directory = etc(nginx_conf=f"server {{ root {written}; }}")
    assert sites(Nginx(str(directory / "nginx.conf"))) == [([], [known])]


def test_apache_names_the_roots_of_each_site(etc):
    directory = etc(
        apache2_conf='ServerName main.example.mx\nDocumentRoot "/var/www/html"\nDefine BASE /srv/apps\nInclude sites\n',
        sites__uno="""
            <VirtualHost *:443>
                # DocumentRoot /no
                servername https://uno.example.mx:443
                DocumentRoot \\
                    "${BASE}/u no"
                Alias /media ${BASE}/media/
                ScriptAlias /cgi-bin/ /srv/cgi/
                <Directory /srv> Require all granted </Directory>
            </VirtualHost>
            Alias /docs /srv/docs
        """,
        sites__dos="""
            <VirtualHost *:80>
                VirtualDocumentRoot /srv/vhosts/%0/public
                DocumentRoot ${UNKNOWN}/x
            </VirtualHost>
        """,
    )
    found = sites(Apache(str(directory / "apache2.conf")))
    assert (["main.example.mx"], ["/var/www/html", "/srv/docs"]) in found
    assert (["uno.example.mx"], ["/srv/apps/u no", "/srv/apps/media", "/srv/cgi"]) in found
    assert ([], ["/srv/vhosts", str(directory)]) in found


def test_apache_takes_what_is_not_absolute_from_its_own_root(etc, tmp_path):
    etc(conf__httpd_conf=f"ServerRoot {tmp_path}\nIncludeOptional conf.d/*.conf\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/a.conf").write_text("DocumentRoot www\n")
    found = Apache(str(tmp_path / "conf/httpd.conf"))
    assert sites(found) == [([], [f"{tmp_path}/www"])]
    assert found.files == [f"{tmp_path}/conf/httpd.conf", f"{tmp_path}/conf.d/a.conf"]


@pytest.mark.parametrize("kind", [Nginx, Apache])
def test_what_is_not_there_is_no_configuration(kind, tmp_path):
    assert (kind(f"{tmp_path}/none").files, sites(kind(f"{tmp_path}/none"))) == ([], [])


@pytest.mark.parametrize(("kind", "text"), [(Nginx, "include *;"), (Apache, "Include *\n")])
def test_one_that_includes_itself_a_pipe_or_bytes_that_are_no_text_holds_nothing_up(kind, text, tmp_path):
    (tmp_path / "main").write_bytes(text.encode() + b"\xff\n")
    (tmp_path / "again").write_bytes(text.encode())
    os.mkfifo(tmp_path / "pipe")
    # Somebody holds it open, and writes nothing.
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    (tmp_path / "dangling").symlink_to("nowhere")
    files = kind(str(tmp_path / "main")).files
    os.close(writer)
    assert 2 <= len(files) <= 2000 and f"{tmp_path}/pipe" not in files


@given(st.text(st.sampled_from("server{};#\"'\\ root/$\n<VirtualHost>é\x00"), max_size=60))
def test_no_text_is_too_strange(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("etc") / "main"
    file.write_text(text, encoding="utf-8")
    for kind in (Nginx, Apache):
        for site in kind(str(file)).sites:
            assert all(root.startswith("/") for root in site.roots)
