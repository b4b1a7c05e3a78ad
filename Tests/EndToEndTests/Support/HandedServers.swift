import Foundation
import Testing

/// The configurations of servers that know nothing of a proxy. Each line of their logs has the client's address, the protocol and
/// the process. Those that a service manager would not keep in the foreground end with the test too.
extension HandedSite {
  /// As Debian's example has it, with a listener for each family.
  func startNginx(workers: Int, listen: String = "ssl http2") throws -> pid_t {
    let file = try write(
      """
      worker_processes \(workers);
      user root;
      pid \(directory)/pid;
      events {}
      http {
        log_format site '$remote_addr $server_protocol $pid';
        access_log \(directory)/log site;
        \(nginxPlaces(in: directory))
        ssl_certificate \(certificate.certificate);
        ssl_certificate_key \(certificate.key);
        server {
          listen 443 \(listen);
          listen [::]:443 \(listen);
          server_name \(name);
          location / { return 200 "served by $pid\\n"; }
        }
      }
      """, to: "nginx.conf")
    // It goes into the background, since it ignores SIGUSR2 in the foreground.
    Scratch.current.atEnd { [self] in
      for file in ["pid.oldbin", "pid"] {
        guard let process = try? process(in: file) else { continue }
        kill(process, SIGTERM)
        try? eventually("the end of nginx") { !FileManager.default.fileExists(atPath: "\(directory)/\(file)") }
      }
    }
    let started = try serve("nginx", "-p", directory, "-e", "\(directory)/errors", "-c", file)
    guard try started.wait() == .exited(0) else { throw Failure("nginx: \(log)") }
    try eventually("its process") { (try? process(in: "pid")) != nil }
    return try process(in: "pid")
  }

  /// Which site it is, Apache tells by the port that the client came to, so it is the proxy's.
  func startApache() throws -> pid_t {
    try FileManager.default.createDirectory(atPath: "\(directory)/site", withIntermediateDirectories: false)
    try write("served", to: "site/index.html")
    let modules = ["mpm_event", "authz_core", "dir", "http2", "socache_shmcb", "ssl"]
    let file = try write(
      """
      \(modules.map { "LoadModule \($0)_module /usr/lib/apache2/modules/mod_\($0).so" }.joined(separator: "\n"))
      ServerRoot \(directory)
      DefaultRuntimeDir \(directory)
      ServerName \(name)
      User www-data
      Group www-data
      PidFile pid
      ErrorLog errors
      LogFormat "%a %H %P" site
      CustomLog log site
      DirectoryIndex index.html
      Protocols h2 http/1.1
      Listen \(proxy.port)
      <VirtualHost *:\(proxy.port)>
        DocumentRoot \(directory)/site
        SSLEngine on
        SSLCertificateFile \(certificate.certificate)
        SSLCertificateKeyFile \(certificate.key)
      </VirtualHost>
      """, to: "httpd.conf")
    return try serve("apache2", "-f", file, "-DFOREGROUND", port: proxy.port).pid
  }

  /// A master and its worker; the worker's successor takes the listeners over from it.
  func startHAProxy() throws -> pid_t {
    let file = try write(
      """
      global
        log stdout format raw local0
        stats socket \(directory)/admin level admin expose-fd listeners
      defaults
        mode http
        log global
        log-format "%ci %HV %pid"
        timeout connect 20s
        timeout client 20s
        timeout server 20s
      frontend site
        bind :443 ssl crt \(certificate.both) alpn h2,http/1.1
        bind :::443 v6only ssl crt \(certificate.both) alpn h2,http/1.1
        http-request return status 200 content-type text/plain string "served"
      """, to: "haproxy.cfg")
    return try serve("haproxy", "-W", "-S", "\(directory)/master", "-f", file).pid
  }

  /// - Parameter workers: how many processes Node.js' cluster has, if any
  func startNode(workers: Int = 0, passesListener: Bool = false) throws {
    let file = try write(
      """
      const cluster = require("cluster"), fs = require("fs"), http2 = require("http2");
      if (\(passesListener)) cluster.schedulingPolicy = cluster.SCHED_NONE;
      const files = {
        allowHTTP1: true, cert: fs.readFileSync("\(certificate.certificate)"), key: fs.readFileSync("\(certificate.key)")
      };
      if (cluster.isPrimary && \(workers) > 0) {
        for (let count = 0; count < \(workers); count++) cluster.fork();
      } else {
        http2.createSecureServer(files, (request, answer) => {
          console.log(request.socket.remoteAddress, request.httpVersion, process.pid);
          answer.end(`served by ${process.pid}\\n`);
        }).listen(443);
      }
      """, to: "server.js")
    try serve("node", file)
  }

  func startPython() throws {
    let file = try write(
      """
      import http.server, socket, ssl
      class Server(http.server.ThreadingHTTPServer):
          address_family = socket.AF_INET6
      server = Server(("::", 443), http.server.SimpleHTTPRequestHandler)
      context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
      context.load_cert_chain("\(certificate.certificate)", "\(certificate.key)")
      server.socket = context.wrap_socket(server.socket, server_side=True)
      server.serve_forever()
      """, to: "server.py")
    try write("served", to: "index.html")
    try serve("python3", "-u", file)
  }

  func startUvicorn(workers: Int) throws {
    try write(
      """
      import os
      async def application(scope, receive, send):
          if scope["type"] == "http":
              await send({"type": "http.response.start", "status": 200, "headers": []})
              await send({"type": "http.response.body", "body": f"served by {os.getpid()}\\n".encode()})
      """, to: "pages.py")
    try serve(
      "python3", "-m", "uvicorn", "pages:application", "--app-dir", directory, "--workers", String(workers), "--host",
      "::", "--port", "443", "--ssl-certfile", certificate.certificate, "--ssl-keyfile", certificate.key)
  }

  func process(in file: String) throws -> pid_t {
    let text = (try? String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8)) ?? ""
    guard let process = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw Failure("no process in \(file): \(log)")
    }
    return process
  }

  /// Who has served each client, in turn.
  var processes: [Substring] {
    let lines = log.split(separator: "\n").filter { line in
      SiteClient.allCases.contains { line.hasPrefix($0.address) }
    }
    return lines.compactMap { $0.split(separator: " ").last }
  }
}
