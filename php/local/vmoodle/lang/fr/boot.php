<?php
// This file is part of Moodle - https://moodle.org/
//
// Moodle is free software: you can redistribute it and/or modify
// it under the terms of the GNU General Public License as published by
// the Free Software Foundation, either version 3 of the License, or
// (at your option) any later version.
//
// Moodle is distributed in the hope that it will be useful,
// but WITHOUT ANY WARRANTY; without even the implied warranty of
// MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
// GNU General Public License for more details.
//
// You should have received a copy of the GNU General Public License
// along with Moodle.  If not, see <https://www.gnu.org/licenses/>.

/**
 * Texts that boot.php shows before Moodle is there.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

return [
    'hint' => 'Que faire :',
    'noextension' => 'l’extension PHP vmoodle n’est pas chargée dans ce PHP ({$a}) : ajoutez extension=vmoodle à son php.ini et '
        . 'redémarrez-le, ou retirez de config.php la ligne qui appelle local/vmoodle/boot.php',
    'unavailabletext' => 'Ce site n’est pas accessible pour le moment. Veuillez réessayer dans quelques minutes.',
    'unavailabletitle' => 'Site momentanément indisponible',
    'unknowntext' => 'Il n’y a pas de site à cette adresse. Veuillez vérifier l’orthographe de l’adresse.',
    'unknowntitle' => 'Site introuvable',
];
