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
 * French strings of the farm plugin.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$string['aliasadded'] = 'L’alias {$a} a été ajouté.';
$string['aliasremoved'] = 'L’alias {$a} a été supprimé.';
$string['cannotstart'] = 'Le programme {$a} ne peut pas être lancé.';
$string['cannotwritefile'] = 'Impossible d’écrire {$a}.';
$string['checkcodetree'] = 'Code partagé par tous les locataires';
$string['checkcodetreeok'] = 'PHP ne peut pas modifier le code que tous les locataires partagent.';
$string['checkcodetreeroot'] = 'Cette vérification doit être lancée par l’utilisateur du serveur web, pas par root.';
$string['checkcodetreewritable'] = 'PHP peut modifier le code que tous les locataires partagent : l’administrateur d’un seul locataire pourrait les atteindre tous.';
$string['checkcomponents'] = 'Cache de composants partagé';
$string['checkcomponentsnone'] = 'Il n’y a pas de cache de composants partagé : chaque locataire garde sa propre copie. Lancez cli/publish.php pour en créer un.';
$string['checkcomponentsok'] = 'Le cache de composants partagé correspond aux plugins présents sur le disque.';
$string['checkcomponentsstale'] = 'Les plugins présents sur le disque ont changé depuis la création du cache de composants partagé.';
$string['checkextension'] = 'Extension native';
$string['checkextensionok'] = 'L’extension PHP vmoodle {$a} est chargée et config.php l’appelle.';
$string['checkindex'] = 'Index des locataires';
$string['checkindexbehind'] = 'L’index de ce nœud est à la génération {$a->index}, le registre à la {$a->registry} : les requêtes sont servies d’après un registre plus ancien.';
$string['checkindexok'] = 'L’index est lisible : génération {$a->index}, locataires : {$a->tenants}.';
$string['checknotbooted'] = 'Ceci ne peut être vérifié que là où config.php appelle l’extension native.';
$string['checkregistry'] = 'Registre des locataires';
$string['checkregistrybroken'] = 'Locataires marqués comme défectueux et non servis : {$a}.';
$string['checkregistryok'] = 'Le registre est lisible et aucune ligne n’est défectueuse. Locataires : {$a}.';
$string['cli_create'] = 'Crée des sites : ceux d’un fichier de nœuds (le CSV d’origine, ou JSON), ou un seul décrit par --set. La même commande répétée ne change rien. Code de sortie : 0 tout est fait, 1 rien n’a été créé, 2 échec pour certaines lignes ou certains sites.';
$string['cli_job'] = 'Liste les tâches ; en exécute, arrête ou répète une, ou défait ce qu’elle a changé. Code de sortie : 0 tout est fait, 1 exécution impossible, 2 échec pour certains sites.';
$string['cli_key'] = 'Crée la clé qui scelle les mots de passe des bases des sites dans le registre et dans l’index, ou la renouvelle.';
$string['cli_publish'] = 'Publie le registre : construit le cache de composants partagé, puis l’index que lit chaque requête.';
$string['cli_run'] = 'Prévoit ou exécute une opération sur les sites choisis. Code de sortie : 0 tout est fait, 1 exécution impossible, 2 échec pour certains sites.';
$string['cli_snapshot'] = 'Prend un instantané de chaque site choisi ; liste, vérifie et supprime les instantanés.';
$string['cli_tenants'] = 'Liste, ajoute, modifie, supprime et vérifie les locataires et les alias du registre. Le mot de passe de la base d’un locataire est lu dans la variable d’environnement VMOODLE_DBPASS ou sur l’entrée standard, jamais sur la ligne de commande.';
$string['cli_upgrade_all'] = 'Met à niveau le site de contrôle, puis chaque locataire, selon le code présent sur le disque. Code de sortie : 0 tout est fait, 1 impossible de lancer, 2 échec de certains sites.';
$string['clialiastenant'] = 'Indiquez le locataire de l’alias avec --tenant=WWWROOT.';
$string['clibadjson'] = 'L’entrée standard ne contient pas d’objet JSON.';
$string['clibadset'] = '--set={$a} n’est pas de la forme --set=colonne=valeur.';
$string['clibadvalue'] = '{$a} n’a pas de valeur, ou une valeur impossible.';
$string['clierror'] = 'Erreur : {$a}';
$string['clifault'] = 'Ligne {$a->line} : {$a->message}';
$string['clihint'] = 'Que faire : {$a}';
$string['clinofile'] = 'Le fichier {$a} ne peut être lu.';
$string['clinonodes'] = 'Nommez un fichier par --nodes=FICHIER, ou décrivez un site : --set=vhostname=https://...';
$string['clinopassword'] = 'Un mot de passe sur la ligne de commande est lisible par tous les utilisateurs de cette machine : utilisez VMOODLE_DBPASS ou --password-stdin.';
$string['clinothingmade'] = 'Rien n’a été créé. Erreurs dans le fichier : {$a}.';
$string['clioneaction'] = 'Demandez une seule action à la fois.';
$string['clioption_add'] = 'ajouter un locataire, décrit par --set';
$string['clioption_aliasadd'] = 'ajouter un alias (un hôte, ou *.domaine) du locataire indiqué par --tenant';
$string['clioption_aliases'] = 'lister les alias';
$string['clioption_aliasremove'] = 'supprimer cet alias';
$string['clioption_allornothing'] = 'ne rien créer si un seul site ne peut l’être';
$string['clioption_cancel'] = 'arrêter cette tâche : ce qui attend est annulé, ce qui est en cours finit à sa prochaine étape';
$string['clioption_check'] = 'vérifier ce locataire ; vide : celui que décrit --set';
$string['clioption_concurrency'] = 'combien de sites à la fois';
$string['clioption_create'] = 'créer un fichier de clé à ce chemin absolu, hors du code et de tout répertoire de données';
$string['clioption_daemon'] = 'continuer sans fin : exécuter toute tâche en attente';
$string['clioption_delete'] = 'supprimer cet instantané';
$string['clioption_follow'] = 'continuer sans fin : tenir l’index de ce nœud à jour avec le registre';
$string['clioption_help'] = 'ce texte';
$string['clioption_interval'] = 'secondes entre deux vérifications (2 par défaut)';
$string['clioption_json'] = 'afficher le résultat en JSON';
$string['clioption_limit'] = 'lister au plus ce nombre';
$string['clioption_list'] = 'lister ; c’est ce qui se fait quand rien d’autre n’est demandé';
$string['clioption_name'] = 'en faire un modèle de ce nom';
$string['clioption_nocomponents'] = 'laisser le cache de composants partagé tel quel';
$string['clioption_nodes'] = 'le fichier de nœuds, - pour l’entrée standard ; --set donne alors ce qu’une ligne omet';
$string['clioption_offset'] = 'sauter ce nombre de locataires de la liste';
$string['clioption_onerror'] = 'continue, ou après combien d’échecs s’arrêter';
$string['clioption_operation'] = 'l’opération';
$string['clioption_operations'] = 'lister les opérations et leurs paramètres';
$string['clioption_passwordstdin'] = 'lire le mot de passe de la base du locataire sur l’entrée standard';
$string['clioption_plan'] = 'dire seulement ce qui serait fait';
$string['clioption_remove'] = 'retirer ce locataire du registre ; sa base et ses fichiers restent';
$string['clioption_renew'] = 'ajouter une nouvelle clé en tête du fichier défini et sceller à nouveau tous les mots de passe';
$string['clioption_retry'] = 'répéter cette tâche là où elle a échoué, a été annulée ou dont la fin est inconnue';
$string['clioption_run'] = 'exécuter cette tâche, ou la reprendre';
$string['clioption_search'] = 'lister les locataires dont le nom ou l’adresse contient ce texte';
$string['clioption_server'] = 'le serveur de bases, par son nom au registre (par défaut : celui du site de contrôle)';
$string['clioption_set'] = 'nom=valeur, répétable : une colonne du registre ou un paramètre de l’opération';
$string['clioption_setstdin'] = 'lire d’autres paramètres sur l’entrée standard, sous forme d’objet JSON : les secrets, qui n’ont pas leur place sur une ligne de commande';
$string['clioption_show'] = 'montrer cette tâche et ses sites';
$string['clioption_skipcontrol'] = 'laisser le site de contrôle tel quel';
$string['clioption_source'] = 'le site à copier';
$string['clioption_spare'] = 'les garder en réserve de leur modèle, pour des sites à venir';
$string['clioption_state'] = 'lister seulement ce qui est dans cet état';
$string['clioption_submitonly'] = 'écrire la tâche et laisser son exécution à d’autres';
$string['clioption_targets'] = 'quels locataires : all, any, un hôte, *.example.org, /regex/, net:2, tag:pilot ; un ! devant retire ; peut être répété';
$string['clioption_template'] = 'l’instantané, par numéro ou nom, dont les sites sont faits';
$string['clioption_tenant'] = 'le locataire de l’alias';
$string['clioption_timelimit'] = 'secondes accordées à un site (1800 par défaut)';
$string['clioption_undo'] = 'défaire ce que cette tâche a changé';
$string['clioption_update'] = 'modifier ce locataire selon --set';
$string['clioption_verify'] = 'vérifier chaque octet de cet instantané';
$string['clioption_yes'] = 'confirmer une opération dangereuse';
$string['clioptions'] = 'Options :';
$string['clipassword'] = 'Mot de passe de l’administrateur de {$a->wwwroot}, montré cette seule fois : {$a->password}';
$string['clisecretset'] = '{$a} est un secret, et une ligne de commande est lisible par tous les utilisateurs de cette machine : donnez-le avec --set-stdin.';
$string['clisubmitted'] = 'La tâche {$a} est écrite. Exécutez-la avec cli/job.php --run={$a}.';
$string['cliunknown'] = 'L’option {$a} n’existe pas ; voir --help.';
$string['cliwarning'] = 'Attention : {$a}';
$string['column_alias'] = 'Alias';
$string['column_name'] = 'Nom';
$string['column_state'] = 'État';
$string['column_tags'] = 'Étiquettes';
$string['column_vdbname'] = 'Base de données';
$string['column_vdbtype'] = 'Moteur';
$string['column_vhostname'] = 'Adresse';
$string['controlsiteonly'] = 'La ferme s’administre uniquement depuis son site de contrôle.';
$string['error_alias_not_found'] = 'Cet alias n’existe pas : {$a}';
$string['error_alias_redirect'] = 'L’hôte est un alias : {$a}';
$string['error_bad_configuration'] = '$CFG->vmoodle ou php.ini contient une valeur inutilisable : {$a}';
$string['error_bad_host'] = 'Ce nom d’hôte n’est pas valable : {$a}';
$string['error_bad_identifier'] = 'Ce nom de base, préfixe ou identifiant n’est pas valable : {$a}';
$string['error_bad_parameter'] = 'Une valeur manque ou n’est pas valable : {$a}';
$string['error_bad_setting'] = 'Ce réglage ne peut pas être imposé : {$a}';
$string['error_bad_wwwroot'] = 'Cette adresse de site n’est pas valable : {$a}';
$string['error_config_unreadable'] = 'Ce config.php ne peut pas être lu : {$a}';
$string['error_control_unreachable'] = 'La base de données de contrôle ne répond pas : {$a}';
$string['error_database_busy'] = 'La base de données est en cours d’utilisation : {$a}';
$string['error_database_taken'] = 'La base de données appartient à un autre locataire : {$a}';
$string['error_dataroot_taken'] = 'Le dossier de données appartient à un autre locataire : {$a}';
$string['error_extension_missing'] = 'L’extension PHP vmoodle n’est pas chargée dans ce PHP ({$a}) : ajoutez extension=vmoodle à son php.ini et redémarrez-le.';
$string['error_files_failed'] = 'Des fichiers ne peuvent être lus ou écrits : {$a}';
$string['error_host_taken'] = 'Le nom d’hôte est déjà utilisé : {$a}';
$string['error_host_unknown'] = 'Aucun locataire n’a ce nom d’hôte : {$a}';
$string['error_index_unreadable'] = 'L’index est illisible : {$a}';
$string['error_index_write_failed'] = 'L’index ne peut pas être écrit : {$a}';
$string['error_internal'] = 'Défaut de vmoodle, merci de le signaler : {$a}';
$string['error_job_cancelled'] = 'Le travail a été annulé : {$a}';
$string['error_job_not_found'] = 'Ce travail n’existe pas : {$a}';
$string['error_job_refused'] = 'Le travail ne peut pas être créé : {$a}';
$string['error_keyfile_unreadable'] = 'Le fichier de clé est inutilisable : {$a}';
$string['error_lease_lost'] = 'L’exécutant de cet élément a été perdu : {$a}';
$string['error_moodle_unfit'] = 'Le Moodle du locataire ne convient pas au code de la ferme : {$a}';
$string['error_name_taken'] = 'Le nom est déjà utilisé : {$a}';
$string['error_no_moodle'] = 'La base de données du locataire ne contient pas de Moodle : {$a}';
$string['error_node_health'] = 'État de ce nœud : {$a}';
$string['error_nodes_invalid'] = 'Le fichier de nœuds est inutilisable : {$a}';
$string['error_not_booted'] = 'Le config.php de ce site n’appelle pas vmoodle : {$a}';
$string['error_not_control_site'] = 'Ce n’est pas le site de contrôle : {$a}';
$string['error_not_empty'] = 'La base de données ou le dossier n’est pas vide : {$a}';
$string['error_operation_not_found'] = 'Cette opération n’existe pas : {$a}';
$string['error_policy_not_found'] = 'Cette règle n’existe pas : {$a}';
$string['error_program_missing'] = 'Un programme n’est pas installé : {$a}';
$string['error_publish_refused'] = 'La publication a été refusée : {$a}';
$string['error_registry_invalid'] = 'Le registre se contredit : {$a}';
$string['error_registry_missing'] = 'Les tables du registre sont absentes : {$a}';
$string['error_script_failed'] = 'Un script de Moodle, exécuté pour le site, a échoué : {$a}';
$string['error_secret_undecryptable'] = 'Un mot de passe enregistré ne peut pas être déchiffré : {$a}';
$string['error_server_not_found'] = 'Ce serveur de bases de données n’existe pas : {$a}';
$string['error_server_refused'] = 'Le serveur de bases de données refuse cette action : {$a}';
$string['error_server_unreachable'] = 'Le serveur de bases de données ne répond pas : {$a}';
$string['error_snapshot_damaged'] = 'L’instantané est endommagé : {$a}';
$string['error_snapshot_not_found'] = 'Aucun instantané n’a ce numéro ou ce nom : {$a}';
$string['error_snapshot_unfit'] = 'L’instantané ne convient pas ici : {$a}';
$string['error_state_refused'] = 'L’état du locataire ne le permet pas : {$a}';
$string['error_tenant_not_found'] = 'Ce locataire n’existe pas : {$a}';
$string['error_tenant_unavailable'] = 'Le locataire n’est pas en service : {$a}';
$string['error_tenant_unreachable'] = 'La base de données du locataire ne répond pas : {$a}';
$string['error_transfer_failed'] = 'La base de données n’a pas pu être copiée : {$a}';
$string['followback'] = '{$a} : le registre répond de nouveau.';
$string['hookmissing'] = 'config.php doit appeler local/vmoodle/boot.php juste avant lib/setup.php.';
$string['index_foreign'] = 'Le fichier d’index n’a pas été écrit par vmoodle, ou appartient à une autre ferme.';
$string['index_good'] = 'L’index est lisible.';
$string['index_missing'] = 'Il n’y a pas d’index : seul le site de contrôle est servi. Publiez le registre.';
$string['index_previous'] = 'Le dernier index est illisible : les requêtes sont servies d’après le précédent. Publiez de nouveau le registre.';
$string['index_torn'] = 'Le fichier d’index est endommagé. Publiez de nouveau le registre.';
$string['index_version'] = 'L’index a été écrit par une autre version de vmoodle. Publiez de nouveau le registre.';
$string['jobcolumn_counts'] = 'Sites';
$string['jobcolumn_id'] = 'Tâche';
$string['jobcolumn_operation'] = 'Opération';
$string['jobcolumn_status'] = 'État';
$string['jobcolumn_timecreated'] = 'Soumise';
$string['keycreated'] = 'Le fichier de clé {$a} a été créé. Indiquez-le dans config.php, avant l’appel de boot.php : $CFG->vmoodle = [\'keyfile\' => \'{$a}\']; puis lancez cli/publish.php, qui scelle les mots de passe. Gardez-en une copie : sans elle, ils sont perdus.';
$string['keyrenewed'] = 'Le fichier a une nouvelle clé, et tous les mots de passe sont scellés avec elle. Les clés plus anciennes au-dessous ne servent plus sur ce nœud dès que tous les nœuds ont le nouvel index.';
$string['nophp'] = 'Il n’y a pas de programme PHP à {$a} : définissez $CFG->pathtophp.';
$string['notenants'] = 'Le registre n’a pas encore de locataire.';
$string['operation_adopt_site'] = 'Intègre un Moodle ordinaire à la ferme : le même site, servi désormais par le code de la ferme.';
$string['operation_clone_tenant'] = 'Crée des copies d’un site.';
$string['operation_create_tenant'] = 'Crée des sites : d’un modèle ou instantané, d’un autre site, ou neufs.';
$string['operation_destroy_tenant'] = 'Met un site retiré à la corbeille, d’où il peut revenir.';
$string['operation_devirtualise_tenant'] = 'Écrit un site comme un Moodle ordinaire qui tourne sans vmoodle ; le site reste.';
$string['operation_disable_tenant'] = 'Éteint un site : son adresse répond 503.';
$string['operation_enable_tenant'] = 'Allume un site.';
$string['operation_purge_trash'] = 'Supprime définitivement ce qui a dépassé son temps dans la corbeille.';
$string['operation_rename_tenant'] = 'Donne une autre adresse à un site : hôte, chemin ou protocole.';
$string['operation_restore_tenant'] = 'Met un instantané à la place d’un site ; ce qui s’y trouve est d’abord mis à l’abri par un instantané.';
$string['operation_retire_tenant'] = 'Met un site à la retraite : l’étape avant sa destruction.';
$string['operation_snapshot_tenant'] = 'Prend un instantané d’un site : sa base à un instant donné, et ses fichiers.';
$string['operation_tenant_status'] = 'Recueille des faits : version, utilisateurs, cours, dernier cron.';
$string['outcome_current'] = 'rien à faire';
$string['outcome_done'] = 'fait';
$string['outcome_failed'] = 'échec';
$string['outcome_pending'] = 'mise à niveau à faire';
$string['outcome_stopped'] = 'interrompu';
$string['outcome_timeout'] = 'trop long';
$string['pluginname'] = 'Ferme de Moodle';
$string['privacy:metadata'] = 'Le plugin de ferme enregistre des informations sur des sites, aucune sur des personnes.';
$string['publish'] = 'Publier';
$string['published'] = 'Génération {$a->generation} publiée : locataires : {$a->tenants}, alias : {$a->aliases}, octets : {$a->bytes}, {$a->path}';
$string['publishlater'] = 'Le registre n’a pas été publié ; lancez local/vmoodle/cli/publish.php. {$a}';
$string['runpublish'] = 'Lancez local/vmoodle/cli/publish.php après chaque modification du code.';
$string['snapshotcolumn_id'] = 'Instantané';
$string['snapshotcolumn_name'] = 'Modèle';
$string['snapshotcolumn_octets'] = 'Taille';
$string['snapshotcolumn_release'] = 'Moodle';
$string['snapshotcolumn_wwwroot'] = 'Site';
$string['snapshotdeleted'] = 'L’instantané {$a} a été supprimé.';
$string['snapshotsound'] = 'L’instantané {$a} est intact.';
$string['state_broken'] = 'Défectueux';
$string['state_creating'] = 'En création';
$string['state_disabled'] = 'Désactivé';
$string['state_enabled'] = 'Activé';
$string['state_retired'] = 'Retiré';
$string['state_spare'] = 'En réserve';
$string['state_trashed'] = 'À la corbeille';
$string['stopping'] = 'Arrêt : on attend la fin de ce qui est en cours. Un second signal l’interrompt.';
$string['stoppingnow'] = 'Interruption de ce qui est en cours.';
$string['taskpublished'] = 'L’index était « {$a->fault} » ; il est à la génération {$a->generation}.';
$string['taskpublishindex'] = 'Tenir l’index des locataires en ordre';
$string['tenantadded'] = 'Le locataire {$a} a été ajouté.';
$string['tenantremoved'] = 'Le locataire {$a} a été retiré du registre ; sa base et ses fichiers sont intacts.';
$string['tenants'] = 'Locataires';
$string['tenantupdated'] = 'Le locataire {$a} a été modifié.';
$string['upgradecontrolfailed'] = 'Le site de contrôle n’a pas pu être mis à niveau ; aucun locataire n’a été essayé.';
$string['upgradeprogress'] = '[{$a->number}/{$a->total}] {$a->site} : {$a->outcome} ({$a->seconds} s)';
$string['vmoodle:execute'] = 'Lancer des opérations sur plusieurs locataires à la fois';
$string['vmoodle:managevmoodles'] = 'Administrer la ferme de sites Moodle';
$string['wrongosuser'] = 'Ceci doit être lancé par l’utilisateur système {$a->user}, propriétaire de {$a->folder} (sudo -u {$a->user} ...) : la ferme ne pourrait pas lire les fichiers d’un autre utilisateur.';
