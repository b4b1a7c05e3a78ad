import Foundation

/// A real nginx that speaks TLS at a Unix socket, and answers with its name, the TLS version, the protocol and the client's address.
final class Nginx {
  var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

  /// - Parameters:
  ///   - socket: the path of its `tls-socket`, which must be short
  ///   - listen: more words of its `listen` directive: `http2`, `proxy_protocol`
  ///   - server: more directives of its server
  ///   - user: whom it runs as, and whose socket it is; only root can say so
  init(
    at socket: String, _ certificate: Certificate, listen: String = "", server: String = "", user: UInt32? = nil
  ) throws {
    let directory = try Scratch.current.directory("nginx")
    logPath = "\(directory)/access.log"
    let configuration = """
      daemon off;
      master_process off;
      pid \(directory)/pid;
      error_log stderr;
      events {}
      http {
        log_format tests '$remote_addr $remote_port $ssl_server_name $server_protocol';
        access_log \(logPath) tests;
        \(nginxPlaces(in: directory))
        server {
          listen unix:\(socket) ssl \(listen);
          ssl_certificate \(certificate.certificate);
          ssl_certificate_key \(certificate.key);
          ssl_protocols TLSv1.2 TLSv1.3;
          \(server)
          location / {
            return 200 "nginx $ssl_server_name $ssl_protocol $server_protocol $remote_addr $remote_port\\n";
          }
        }
      }
      """
    let file = "\(directory)/nginx.conf"
    try configuration.write(toFile: file, atomically: false, encoding: .utf8)
    let arguments = ["-p", directory, "-e", "stderr", "-c", file]
    if let user {
      try own(directory, by: user)
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: certificate.key)
      try awaitListener(at: socket, Child("setpriv", asUser(user) + ["nginx"] + arguments))
    } else {
      try awaitListener(at: socket, Child("nginx", arguments))
    }
  }

  private let logPath: String
}

/// The directives that keep an nginx out of the system's directories.
func nginxPlaces(in directory: String) -> String {
  ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(directory)/\($0);" }
    .joined(separator: " ")
}

/// The arguments of setpriv(1) for a program of this user's, in no group but their own.
func asUser(_ user: UInt32) -> [String] { ["--reuid=\(user)", "--regid=\(user)", "--clear-groups"] }

/// Gives a file or directory to this user.
func own(_ path: String, by user: UInt32) throws {
  guard unsafe chown(path, user, user) == 0 else { throw Failure("cannot give \(path) to \(user): \(lastError)") }
}

/// A real HAProxy that speaks TLS at a Unix socket, and answers with its name, the server name and the client's address.
final class HAProxy {
  /// - Parameter bind: more words of its `bind` line: `accept-proxy`, `alpn h2`
  init(at socket: String, _ certificate: Certificate, bind: String = "") throws {
    let file = Scratch.current.file("haproxy.cfg")
    let configuration = """
      defaults
        mode http
        timeout connect 20s
        timeout client 20s
        timeout server 20s
      frontend tls
        bind unix@\(socket) ssl crt \(certificate.both) \(bind)
        http-request return status 200 content-type text/plain lf-string \
      "haproxy %[ssl_fc_sni] %[ssl_fc_protocol] %[src] %[src_port] authority=%[fc_pp_authority]\\n"

      """
    try configuration.write(toFile: file, atomically: false, encoding: .utf8)
    try awaitListener(at: socket, Child("haproxy", ["-db", "-f", file]))
  }
}

private func awaitListener(at socket: String, _ child: Child) throws {
  try eventually("\(child.name) to listen: \(child.error)") {
    guard child.isRunning else { throw Failure("\(child.name) ended: \(child.error)") }
    guard let connection = try? Connection(to: .unix(socket)) else { return false }
    connection.close()
    return true
  }
}
