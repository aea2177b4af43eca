# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the procedure costs beside the raw engine, and beside what one would otherwise use: ``make bench``."""
