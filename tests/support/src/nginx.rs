//! A private nginx in front of php-fpm.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::need::program;
use crate::process::{Server, Stop, free_port, is_root};
use crate::scratch::Scratch;
use crate::wait;

/// A code base behind a port: every host name that arrives there is PHP's to judge.
#[derive(Clone, Debug)]
pub struct Site {
    /// The document root.
    pub root: PathBuf,
    /// The socket of php-fpm.
    pub fpm: PathBuf,
    /// The port to listen on; `None`: a free one.
    pub port: Option<u16>,
}

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    // Ends before the folder goes.
    server: Server,
    folder: Scratch,
    addresses: Vec<SocketAddr>,
}

impl Nginx {
    /// Starts one for all `sites`; the caller has asked for [`crate::need::Need::Nginx`].
    pub fn start(sites: &[Site]) -> Self {
        let folder = Scratch::new("nginx");
        for _ in 0..3 {
            let addresses: Vec<SocketAddr> = sites
                .iter()
                .map(|site| SocketAddr::from((Ipv4Addr::LOCALHOST, site.port.unwrap_or_else(free_port))))
                .collect();
            std::fs::write(folder.join("nginx.conf"), configuration(sites, &addresses, folder.path())).unwrap();
            let mut server = launch(folder.path());
            let all_answer = || addresses.iter().all(|address| TcpStream::connect(address).is_ok());
            if wait::holds_within(Duration::from_secs(20), || !server.runs() || all_answer()) && server.runs() {
                return Self { server, folder, addresses };
            }
        }
        panic!("nginx did not start:\n{}", std::fs::read_to_string(folder.join("error.log")).unwrap_or_default());
    }

    /// Where the n-th site listens.
    pub fn address(&self, site: usize) -> SocketAddr {
        self.addresses[site]
    }

    /// What nginx has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("error.log")).unwrap_or_default()
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.server.end();
    }
}

fn launch(folder: &Path) -> Server {
    let here = folder.display().to_string();
    let arguments = ["-p", &here, "-c", "nginx.conf", "-e", "error.log", "-g", "daemon off;"];
    Server::start(&program("nginx").expect("needed"), arguments, None, &folder.join("output"), Stop::Term)
}

fn configuration(sites: &[Site], addresses: &[SocketAddr], folder: &Path) -> String {
    let here = folder.display();
    let mut text = String::new();
    if is_root() {
        text.push_str("user root;\n");
    }
    let _ = writeln!(
        text,
        "worker_processes 1;\npid {here}/pid;\nerror_log {here}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         types {{ text/html html; text/css css; application/javascript js; image/png png; image/svg+xml svg; }}\n\
         default_type application/octet-stream;\naccess_log off;\nclient_max_body_size 50m;\n\
         server_names_hash_bucket_size 128;"
    );
    for kind in ["client_body", "fastcgi", "proxy", "scgi", "uwsgi"] {
        let _ = writeln!(text, "{kind}_temp_path {here}/{kind};");
    }
    for (site, address) in sites.iter().zip(addresses) {
        let root = site.root.display();
        let fpm = site.fpm.display();
        let _ = writeln!(
            text,
            "server {{\nlisten {address} default_server;\nserver_name _;\nroot {root};\nindex index.php;\n\
             location / {{ try_files $uri $uri/ /index.php$is_args$args; }}\n\
             location ~ [^/]\\.php(/|$) {{\n\
             fastcgi_split_path_info ^(.+?\\.php)(/.*)$;\n\
             set $path_info $fastcgi_path_info;\n\
             try_files $fastcgi_script_name /index.php$is_args$args;\n\
             {PARAMETERS}\
             fastcgi_param PATH_INFO $path_info;\n\
             fastcgi_read_timeout 300;\nfastcgi_buffers 16 32k;\nfastcgi_buffer_size 64k;\n\
             fastcgi_pass unix:{fpm};\n}}\n}}"
        );
    }
    text.push_str("}\n");
    text
}

/// Debian's `fastcgi_params`, but for one line: Debian passes `$host` as `HTTP_HOST`, and what is tested here is what
/// happens where nginx passes the header as the client sent it.
const PARAMETERS: &str = "\
fastcgi_param QUERY_STRING $query_string;
fastcgi_param REQUEST_METHOD $request_method;
fastcgi_param CONTENT_TYPE $content_type;
fastcgi_param CONTENT_LENGTH $content_length;
fastcgi_param SCRIPT_NAME $fastcgi_script_name;
fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
fastcgi_param REQUEST_URI $request_uri;
fastcgi_param DOCUMENT_URI $document_uri;
fastcgi_param DOCUMENT_ROOT $document_root;
fastcgi_param SERVER_PROTOCOL $server_protocol;
fastcgi_param REQUEST_SCHEME $scheme;
fastcgi_param GATEWAY_INTERFACE CGI/1.1;
fastcgi_param SERVER_SOFTWARE nginx;
fastcgi_param REMOTE_ADDR $remote_addr;
fastcgi_param REMOTE_PORT $remote_port;
fastcgi_param SERVER_ADDR $server_addr;
fastcgi_param SERVER_PORT $server_port;
fastcgi_param SERVER_NAME $server_name;
fastcgi_param REDIRECT_STATUS 200;
";
